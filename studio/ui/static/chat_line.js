// The line above Chat's question: what is going on from the moment a question is sent until its bubble says it. The
// server may be busy just then, so nothing is waited for.

import { moved, register } from "./address.js";
import { find, h, word } from "./dom.js";

/** @import { ChatLine, Given } from "./types" */

const SENDS = "#question .submit-button, #welcome .example, #continue-answer, dialog [data-act=ask_again]";

/** @param {Given<{ value: ChatLine }>} given */
export function mount({ element, props, watch }) {
  const line = h("p", { className: "status", role: "status" });
  element.replaceChildren(line);
  /** @param {string} key */
  const say = (key) => {
    line.textContent = key && word(key);
  };
  const box = find("#question");
  const asked = () => {
    if (box.querySelector("textarea")?.value.trim()) say(box.querySelector("img, .thumbnail-item") ? "looking" : "thinking");
  };
  box.addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && asked(), true);
  document.addEventListener(
    "click",
    ({ target }) => {
      const sends = target instanceof Element && target.closest(SENDS);
      if (sends) box.contains(sends) ? asked() : say("thinking");
    },
    true,
  );
  register("chat", { id: () => props.value.conversation, close: () => find("#clear").click() });
  watch("value", () => {
    say("");
    moved();
  });
}
