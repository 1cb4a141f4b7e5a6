// Gradio's messages have an English heading and button in every language (its `title` is not shown): here they get ours.

import { word } from "./dom.js";

const translate = () => {
  for (const title of document.querySelectorAll(".toast-title.error")) {
    const text = title.firstChild;
    if (text?.nodeValue?.trim() === "Error") text.nodeValue = `${word("problem")} `;
  }
  for (const close of document.querySelectorAll('.toast-close[aria-label="Close"]')) close.setAttribute("aria-label", word("close"));
};

new MutationObserver(translate).observe(document.body, { childList: true, subtree: true });
