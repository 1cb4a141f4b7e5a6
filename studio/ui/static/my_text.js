// The file of a text that somebody has: dropped or chosen. The value is { path, name } of the uploaded file, in a list. A
// zip of the studio's own is opened at once, wherever on the tab it is dropped.

import { button, find, h, icon, toast, word } from "./dom.js";
import { sendText } from "./upload.js";

/** @import { Given, PictureFile } from "./types" */

/** @param {Given<{ value: PictureFile[] | null, suffixes: string[] }>} given */
export function mount({ element, props, watch, upload }) {
  /** @type {PictureFile | null} */
  let chosen = null;
  const file = h("input", {
    type: "file",
    accept: props.suffixes.join(","),
    hidden: true,
    onchange: () => {
      if (file.files?.[0]) take(file.files[0]);
      file.value = "";
    },
  });
  const choose = h(
    "button",
    { type: "button", className: "choose", onclick: () => file.click() },
    icon("file-text"),
    h("span", {}, word("drop_text")),
  );
  const chip = h("div", { className: "chip", hidden: true });
  element.replaceChildren(h("div", { className: "own" }, chip, choose, file));

  function draw() {
    props.value = chosen ? [chosen] : [];
    choose.hidden = Boolean(chosen);
    chip.hidden = !chosen;
    if (chosen)
      chip.replaceChildren(
        icon("file-text"),
        h("span", { className: "name" }, chosen.name),
        button("remove_file", "x", clear, { plain: true }),
      );
  }

  function clear() {
    chosen = null;
    draw();
    choose.focus();
  }

  /** @param {File} one */
  async function take(one) {
    const { path, problem } = await sendText(upload, one, props.suffixes);
    if (problem !== undefined) return toast(problem);
    chosen = { path, name: one.name };
    draw();
    if (one.name.toLowerCase().endsWith(".zip")) find("#start-own").click();
  }

  const isText = (/** @type {File} */ one) => props.suffixes.some((suffix) => one.name.toLowerCase().endsWith(suffix));
  document.addEventListener(
    "drop",
    (event) => {
      const one = [...(event.dataTransfer?.files ?? [])].find(isText);
      if (!one || !find("#form").checkVisibility()) return;
      event.preventDefault();
      event.stopPropagation();
      /** @type {HTMLInputElement} */ (find("#by input[value=text]")).click();
      take(one);
    },
    { capture: true },
  );

  watch("value", () => {
    if (!(props.value || []).length && chosen) {
      chosen = null;
      draw();
    }
  });
}
