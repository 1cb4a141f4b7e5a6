// Keys of the form: Ctrl+Enter anywhere in it writes.

import { find } from "./dom.js";

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && field instanceof Element && field.closest("#form")) {
    event.preventDefault();
    field.dispatchEvent(new Event("change", { bubbles: true }));
    find("#start").click();
  }
});
