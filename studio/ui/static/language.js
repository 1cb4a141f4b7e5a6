// Runs before anything else on the page: Gradio reads the browser's language when it starts, so a language that was
// chosen with the switch must be in place by then. The theme likewise.
(() => {
  const wish = localStorage.getItem("studio-language");
  if (wish) {
    Object.defineProperty(navigator, "language", { get: () => wish });
    Object.defineProperty(navigator, "languages", { get: () => [wish] });
  }
  const chinese = navigator.language.startsWith("zh");
  document.documentElement.lang = navigator.language;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store exists on https pages only
  document.cookie = `studio-language=${chinese ? "zh" : "en"};path=/;SameSite=Lax;max-age=31536000`;
  const theme = localStorage.getItem("studio-theme");
  if (theme && new URLSearchParams(location.search).get("__theme") !== theme) {
    const url = new URL(location.href);
    url.searchParams.set("__theme", theme);
    location.replace(url);
  }
  window.studioLanguage = () => {
    localStorage.setItem("studio-language", chinese ? "en" : "zh-CN");
    location.reload();
  };
  window.studioTheme = () => {
    localStorage.setItem("studio-theme", document.body.classList.contains("dark") ? "light" : "dark");
    location.reload();
  };
})();
