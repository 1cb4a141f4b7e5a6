// Numbers that a person may set: each may stay empty, and says beside it when it is out of range. The value is an object
// of those that are set and fit; nothing else is sent. (Gradio's own number field turns an empty value into 0.)

import { button, h, word } from "./dom.js";

/** @import { Given, NumberField } from "./types" */

/** @param {Given<{ value: Record<string, number>, fields: NumberField[] }>} given */
export function mount({ element, props, watch }) {
  const fields = props.fields.map(({ id, name, low, high, digits, initial }) => {
    const input = h("input", {
      type: "number",
      min: String(low),
      max: String(high),
      step: digits ? "any" : "1",
      inputMode: digits ? "decimal" : "numeric",
      placeholder: initial === null ? word("own_hint") : "",
      oninput: () => tell(),
    });
    const hint = h("span", { className: "range", role: "alert", hidden: true }, word("range", { low, high }));
    const dice =
      name === "seed"
        ? button(
            "roll",
            "dices",
            () => {
              input.value = String(Math.floor(Math.random() * 2 ** 31));
              tell();
            },
            { plain: true, kind: "dice" },
          )
        : "";
    return {
      name,
      input,
      hint,
      node: h(
        "label",
        { id, className: "field" },
        h("span", { className: "label" }, word(id)),
        h("span", { className: "cell" }, input, dice),
        hint,
        window.studio.words[`${id}_meaning`] ? h("span", { className: "meaning" }, word(`${id}_meaning`)) : "",
      ),
    };
  });
  element.replaceChildren(
    h(
      "div",
      { className: "numbers" },
      fields.map((field) => field.node),
    ),
    button("talk_default", "undo-2", () => {
      for (const { input } of fields) input.value = "";
      tell();
    }),
  );

  function tell() {
    /** @type {Record<string, number>} */
    const value = {};
    for (const { name, input, hint } of fields) {
      const fits = input.validity.valid;
      hint.hidden = fits;
      input.setAttribute("aria-invalid", String(!fits));
      if (fits && input.value !== "") value[name] = Number(input.value);
    }
    props.value = value;
  }
  /** What was set before the page was loaded. */
  function take() {
    for (const { name, input } of fields) {
      const value = props.value?.[name];
      if (input.validity.valid && value !== (input.value === "" ? undefined : Number(input.value))) input.value = String(value ?? "");
    }
  }
  watch("value", take);
  take();
}
