// The line above Chat's question: what is going on from the moment a question is sent until its bubble says it.

import { moved, register } from "./address.js";
import { find, h, word } from "./dom.js";

/** @import { ChatLine, Given } from "./types" */

/** @param {Given<{ value: ChatLine }>} given */
export function mount({ element, props, watch }) {
  const line = h("p", { className: "status", role: "status" });
  element.replaceChildren(line);
  register("chat", { id: () => props.value.conversation, close: () => find("#clear").click() });
  watch("value", () => {
    line.textContent = props.value.said ? word(props.value.said) : "";
    moved();
  });
}
