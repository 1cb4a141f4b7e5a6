// Own pictures for an article: dropped, pasted or chosen; shown small, in an order that can be changed. The value is a
// list of { path, name } of uploaded files.

import { button, h, icon, toast, word } from "./dom.js";
import { carried } from "./touch.js";
import { send } from "./upload.js";

const MAX_PICTURES = 10;
/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/** @import { Given, PictureFile } from "./types" */

/** @param {Given<{ value: PictureFile[] | null }>} given */
export function mount({ element, props, watch, upload }) {
  /** @type {(PictureFile & { shown: string })[]} `shown` is a URL of the browser's own */
  let pictures = [];
  const file = h("input", {
    type: "file",
    accept: "image/*,.heic,.heif",
    multiple: true,
    hidden: true,
    onchange: () => {
      add([...(file.files ?? [])]);
      file.value = "";
    },
  });
  const choose = h(
    "button",
    { type: "button", className: "choose", onclick: () => file.click() },
    icon("image-plus"),
    h("span", {}, word("drop_pictures")),
  );
  const grid = h("div", { className: "thumbs" });
  /** @type {HTMLElement} */
  const box = h(
    "div",
    {
      className: "own",
      ondragover: (event) => {
        event.preventDefault();
        box.classList.add("over");
      },
      ondragleave: () => box.classList.remove("over"),
      ondrop: (event) => {
        event.preventDefault();
        box.classList.remove("over");
        if (event.dataTransfer.files.length) add([...event.dataTransfer.files]);
      },
      onpaste: (event) => event.clipboardData.files.length && add([...event.clipboardData.files]),
    },
    h("span", { className: "label" }, word("pictures")),
    grid,
    choose,
    file,
  );
  element.replaceChildren(box);

  const tell = () => {
    props.value = pictures.map(({ path, name }) => ({ path, name }));
  };

  /** @param {File[]} files */
  async function add(files) {
    /** @type {string[]} */
    const problems = [];
    let left = 0;
    for (const one of files) {
      if (pictures.length >= MAX_PICTURES) {
        left++;
        continue;
      }
      const { path, problem } = await send(upload, one);
      if (problem !== undefined) problems.push(problem);
      else if (pictures.length < MAX_PICTURES) pictures.push({ path, name: one.name, shown: URL.createObjectURL(one) });
      else left++; // another drop has filled the places meanwhile
      draw();
    }
    if (left) problems.push(word("most_pictures", { n: MAX_PICTURES, left }));
    if (problems.length) toast(problems.slice(-3).join(" "));
  }

  /** A picture to another place. @type {(from: number, to: number) => void} */
  const move = (from, to) => {
    pictures.splice(to, 0, ...pictures.splice(from, 1));
    draw(to);
  };

  function draw(focus = -1) {
    grid.replaceChildren(
      ...pictures.map((picture, at) => {
        const number = h("figcaption", {}, String(at + 1));
        const figure = h(
          "figure",
          {
            draggable: true,
            title: picture.name,
            tabIndex: 0,
            "aria-label": `${at + 1}. ${picture.name}. ${word("drag_picture")}`,
            onkeydown: (event) => {
              const to = at + (STEPS[event.key] ?? 0);
              if (!event.altKey || to === at) return;
              event.preventDefault();
              if (to >= 0 && to < pictures.length) move(at, to);
            },
            ondragstart: (event) => event.dataTransfer.setData("text/studio-picture", String(at)),
            ondragover: (event) => event.dataTransfer.types.includes("text/studio-picture") && event.preventDefault(),
            ondrop: (event) => {
              const from = event.dataTransfer.getData("text/studio-picture");
              if (from === "") return;
              event.preventDefault();
              event.stopPropagation();
              move(Number(from), at);
            },
          },
          h("img", {
            src: picture.shown,
            alt: picture.name,
            onerror: (event) => {
              event.target.replaceWith(h("span", { className: "blank" }, picture.name));
            },
          }),
          number,
          button(
            "remove_picture",
            "x",
            () => {
              pictures.splice(at, 1);
              draw();
            },
            { plain: true },
          ),
        );
        carried(number, figure, move);
        return figure;
      }),
    );
    choose.hidden = pictures.length >= MAX_PICTURES;
    tell();
    if (focus >= 0) grid.querySelectorAll("figure")[focus]?.focus();
  }

  // a file dropped beside the part must not open in place of the page, with all that is typed on it
  for (const kind of /** @type {const} */ (["dragover", "drop"]))
    document.addEventListener(kind, (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });

  watch("value", () => {
    if (!(props.value || []).length && pictures.length) {
      pictures = [];
      draw();
    }
  });
}
