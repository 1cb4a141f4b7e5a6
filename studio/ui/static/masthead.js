// The line at the top: which model answers, language, light or dark.

import "./gradio.js";
import { button, h, word } from "./dom.js";
import "./keys.js";

export function mount({ element, props }) {
  const place = element.querySelector(".told");
  const draw = () => {
    const { banner, kind } = props.value;
    place.replaceChildren(
      banner ? h("span", { className: `banner ${kind}`, title: word(banner) }, word(banner).replaceAll("`", "")) : "",
      h("span", { className: "switches" },
        button("language", "languages", window.studioLanguage),
        button("theme", document.body.classList.contains("dark") ? "sun" : "moon", window.studioTheme, { plain: true })),
    );
  };
  draw();
}
