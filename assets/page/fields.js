// Number fields: a hint beside one that is out of range, and dice for the seed.

import { button, h, word } from "./dom.js";

document.addEventListener("input", ({ target }) => {
  if (target.type !== "number") return;
  const place = target.closest(".block") || target.parentElement;
  place.querySelector(".range")?.remove();
  const { min, max, value } = target;
  const wrong = value !== "" && ((min !== "" && Number(value) < Number(min)) || (max !== "" && Number(value) > Number(max)));
  target.setAttribute("aria-invalid", String(wrong));
  if (wrong) place.append(h("span", { className: "range", role: "alert" }, word("range", { low: min, high: max })));
});

/** Put dice beside the seed, once it is there. */
export function dice() {
  const field = document.querySelector("#seed input");
  if (!field || field.parentElement.querySelector(".dice")) return;
  field.after(button("roll", "dices", () => {
    field.value = String(Math.floor(Math.random() * 2 ** 31));
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }, { plain: true, kind: "dice" }));
}
new MutationObserver(dice).observe(document.body, { childList: true, subtree: true });
