// Copying. Over plain http, from another machine, browsers have no clipboard: there a hidden field is copied from. It stands
// in for all of the page, Gradio's own buttons too.

import { h, toast, word } from "./dom.js";

/** @param {string} text */
async function copyFromField(text) {
  const before = document.activeElement;
  const parent = document.querySelector("dialog[open]") ?? document.body; // what lies behind a dialog cannot be focused
  const field = h("textarea", { className: "offstage", "aria-hidden": "true", value: text });
  parent.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  if (!done) throw new DOMException("nothing was copied", "NotAllowedError");
}

if (!navigator.clipboard) Object.defineProperty(navigator, "clipboard", { value: { writeText: copyFromField } });

/**
 * Change what is copied, by Gradio's buttons, too.
 *
 * @param {(text: string) => string} change
 */
export function changeCopies(change) {
  const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  navigator.clipboard.writeText = (text) => write(change(text));
}

/**
 * Copy, and say whether it was.
 *
 * @param {string} text
 */
export async function copy(text) {
  const done = await navigator.clipboard
    .writeText(text)
    .catch(() => copyFromField(text))
    .then(
      () => true,
      () => false,
    );
  toast(word(done ? "copied" : "not_copied"));
}
