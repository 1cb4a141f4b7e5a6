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
    keep: (field, value) => void (restored && keep(field, withoutFiles(value))),
    restore: () => {
      restored = true;
      return fields.map((field) => {
        const value = kept(field);
        if (value === null) return { __type__: "update" };
        return field === "question" ? { text: value, files: [] } : value;
      });
    },
  };
  watch("value", () => {
    if (props.value) forget(...props.forms[props.value.form]);
  });
  trigger("restore");
}

/** Of a question with pictures its words: uploads do not last. @param {unknown} value */
const withoutFiles = (value) => (value && typeof value === "object" && "files" in value && "text" in value ? value.text : value);
