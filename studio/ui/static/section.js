// A section of the article as elements: its paragraph or heading, its picture with caption, its note.

import { h } from "./dom.js";

/** @import { Section, SectionParts, Selection } from "./types" */
/** @typedef {(part: Selection["part"], event?: MouseEvent | KeyboardEvent) => void} Select */

/**
 * The elements of a section, still empty; `select` is told what of it was chosen.
 *
 * @param {string} id
 * @param {Select} select
 * @returns {SectionParts}
 */
export function newSection(id, select) {
  const text = h("div", {
    className: "text",
    tabIndex: 0,
    onmousedown: (e) => e.shiftKey && e.preventDefault(), // a click with Shift is for whole paragraphs
    onclick: (e) => select("text", e),
    onkeydown: (e) => {
      if (e.key === "Enter" && e.target === e.currentTarget) {
        e.preventDefault();
        select("text", e);
      }
    },
  });
  return { node: h("section", { "data-section": id }, text), text, html: null, figure: null, note: null };
}

/**
 * Touch what differs, and give the section's element. A text that is being `edited` is left alone.
 *
 * @param {SectionParts} parts
 * @param {Section} section
 * @param {Select} select
 * @param {boolean} edited
 */
export function updateSection(parts, section, select, edited) {
  if (!edited && parts.html !== section.html) {
    parts.text.innerHTML = parts.html = section.html;
    parts.text.hidden = !section.html;
  }
  parts.figure = figure(parts, section, select);
  if (parts.said !== section.note) {
    parts.note?.remove();
    parts.note = section.note ? h("p", { className: "note" }, section.note) : null;
    parts.said = section.note;
    if (parts.note) parts.node.append(parts.note);
  }
  return parts.node;
}

/**
 * The picture's element: the one that is there, where it shows the same.
 *
 * @param {SectionParts} parts
 * @param {Section} section
 * @param {Select} select
 */
function figure(parts, section, select) {
  const seen = section.picture ? [section.picture, section.caption, section.credit].join("\n") : "";
  if (parts.figure?.dataset.seen === seen || (!seen && !parts.figure)) return parts.figure;
  parts.figure?.remove();
  if (!seen) return null;
  const made = h(
    "figure",
    { "data-seen": seen, tabIndex: 0, onclick: () => select("picture"), onkeydown: (e) => e.key === "Enter" && select("picture") },
    h("img", { src: section.picture, alt: section.caption, width: String(section.width), height: String(section.height) }),
    h("figcaption", {}, section.caption, section.credit ? h("span", { className: "credit" }, ` · ${section.credit}`) : ""),
  );
  parts.text.after(made);
  return made;
}
