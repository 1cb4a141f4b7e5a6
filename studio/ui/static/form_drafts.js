// The fields of the forms: what is in them is kept while it is typed, put back when the page is loaded again, and forgotten
// when it was sent.

import { forget, keep, kept } from "./storage.js";

/** @import { Given, SentForm } from "./types" */

/** @param {Given<{ value: SentForm | null, forms: Record<string, string[]> }>} given */
export function mount({ props, watch, trigger }) {
  const fields = Object.values(props.forms).flat();
  let restored = false;
  window.studioDrafts = {
    // nothing is kept before all is put back: fields change while the page is built
    keep: (field, value) => void (restored && keep(field, value)),
    restore: () => {
      setTimeout(() => {
        restored = true;
      }, 500);
      return fields.map((field) => {
        const value = kept(field);
        return value === null ? { __type__: "update" } : value;
      });
    },
  };
  watch("value", () => {
    if (props.value) forget(...props.forms[props.value.form]);
  });
  trigger("restore");
}
