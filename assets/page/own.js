// Own pictures for an article: dropped, pasted or chosen; shown small, in an order that can be changed. The value is a
// list of { path, name } of uploaded files.

import { button, h, icon, toast, word } from "./dom.js";

const MOST = 10;

export function mount({ element, props, watch, upload }) {
  let pictures = []; // { path, name, shown }
  const file = h("input", { type: "file", accept: "image/*,.heic,.heif", multiple: true, hidden: true, onchange: () => { add([...file.files]); file.value = ""; } });
  const choose = h("button", { type: "button", className: "choose", onclick: () => file.click() }, icon("image-plus"), h("span", {}, word("drop_pictures")));
  const grid = h("div", { className: "thumbs" });
  const box = h("div", { className: "own",
    ondragover: (event) => { event.preventDefault(); box.classList.add("over"); },
    ondragleave: () => box.classList.remove("over"),
    ondrop: (event) => { event.preventDefault(); box.classList.remove("over"); if (event.dataTransfer.files.length) add([...event.dataTransfer.files]); },
    onpaste: (event) => event.clipboardData.files.length && add([...event.clipboardData.files]) },
    h("span", { className: "label" }, word("pictures")), grid, choose, file);
  element.replaceChildren(box);

  const tell = () => { props.value = pictures.map(({ path, name }) => ({ path, name })); };

  async function add(files) {
    for (const one of files.slice(0, MOST - pictures.length)) {
      try {
        const { path } = await upload(one);
        pictures.push({ path, name: one.name, shown: URL.createObjectURL(one) });
      } catch (error) {
        toast(word("not_uploaded", { name: one.name }));
      }
      draw();
    }
    if (files.length && pictures.length === MOST) toast(word("most_pictures", { n: MOST }));
  }

  function draw() {
    grid.replaceChildren(...pictures.map((picture, at) => h("figure", { draggable: true, title: picture.name,
      ondragstart: (event) => event.dataTransfer.setData("text/studio-picture", String(at)),
      ondragover: (event) => event.dataTransfer.types.includes("text/studio-picture") && event.preventDefault(),
      ondrop: (event) => {
        const from = event.dataTransfer.getData("text/studio-picture");
        if (from === "") return;
        event.preventDefault(); event.stopPropagation();
        pictures.splice(at, 0, ...pictures.splice(Number(from), 1));
        draw();
      } },
      h("img", { src: picture.shown, alt: picture.name, onerror: (event) => { event.target.replaceWith(h("span", { className: "blank" }, picture.name)); } }),
      h("figcaption", {}, String(at + 1)),
      button("remove_picture", "x", () => { pictures.splice(at, 1); draw(); }, { plain: true }))));
    choose.hidden = pictures.length >= MOST;
    tell();
  }

  watch("value", () => { if (!(props.value || []).length && pictures.length) { pictures = []; draw(); } });
}
