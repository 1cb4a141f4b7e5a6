// The field in which a paragraph is typed, as tall as its text. What is typed outlives the page.

import { h, word } from "./dom.js";

/**
 * @param {string} key under which the browser keeps what is typed
 * @param {string} text where nothing is kept
 * @param {() => unknown} save
 */
export function draftArea(key, text, save) {
  /** @type {HTMLTextAreaElement} */
  const area = h("textarea", {
    className: "edit",
    "aria-label": word("edit"),
    oninput: () => {
      fit(area);
      localStorage.setItem(key, area.value);
    },
    onkeydown: (e) => {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) save();
    },
  });
  area.value = localStorage.getItem(key) ?? text;
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
