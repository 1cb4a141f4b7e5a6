// The field in which a paragraph is typed, as tall as its text. What is typed outlives the page.

import { h, word } from "./dom.js";
import { keep, kept } from "./storage.js";

/**
 * @param {string} field under which the browser keeps what is typed
 * @param {string} text where nothing is kept
 * @param {() => unknown} save
 */
export function draftArea(field, text, save) {
  /** @type {HTMLTextAreaElement} */
  const area = h("textarea", {
    className: "edit",
    "aria-label": word("edit"),
    oninput: () => {
      fit(area);
      keep(field, area.value || " "); // an emptied one is a draft, too
    },
    onkeydown: (e) => {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) save();
    },
  });
  area.value = String(kept(field) ?? text);
  return area;
}

/**
 * As tall as the text; for an area that is on the page.
 *
 * @param {HTMLTextAreaElement} area
 */
export function fit(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}
