(() => {
  const wish = localStorage.getItem("studio-language");
  if (wish) {
    Object.defineProperty(navigator, "language", { get: () => wish });
    Object.defineProperty(navigator, "languages", { get: () => [wish] });
  }
  document.documentElement.lang = navigator.language;
  document.cookie = `studio-language=${navigator.language.startsWith("zh") ? "zh" : "en"};path=/;SameSite=Strict`;
  const theme = localStorage.getItem("studio-theme");
  if (theme && new URLSearchParams(location.search).get("__theme") !== theme) {
    const url = new URL(location.href);
    url.searchParams.set("__theme", theme);
    location.replace(url);
  }
  window.studioLanguage = () => {
    localStorage.setItem("studio-language", navigator.language.startsWith("zh") ? "en" : "zh-CN");
    location.reload();
  };
  window.studioTheme = () => {
    localStorage.setItem("studio-theme", document.body.classList.contains("dark") ? "light" : "dark");
    location.reload();
  };
})();
