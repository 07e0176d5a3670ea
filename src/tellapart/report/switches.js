// The two switches of every page of ours: its language, and dark or light. Texts stand in the page in both languages.
const switches = (() => {
  const root = document.documentElement;
  const find = (selector) => document.querySelector(selector);
  const OTHER = { en: "中文", zh: "English" }; // each language calls itself by its own name
  const language = () => root.dataset.language || "en";
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  // A text, in the language that is shown unless another is asked for; {name} is filled, and {name:picture|pictures} is the word for so many.
  const say = (code, values = {}, chosen = language()) => texts[code][chosen].replace(
    /\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g,
    (_, name, one, many) => (one === undefined ? values[name] : (values[name] === 1 ? one : many)),
  );
  const nameTheme = () => { find("#theme").textContent = say(dark() ? "theme.light" : "theme.dark"); };
  const setLanguage = (chosen) => {
    root.dataset.language = root.lang = chosen;
    document.title = find("title").dataset[chosen === "en" ? "titleEn" : "titleZh"];
    document.querySelectorAll("[data-label-en]").forEach((element) => {
      element.setAttribute("aria-label", element.dataset[chosen === "en" ? "labelEn" : "labelZh"]);
    });
    const button = find("#language");
    button.textContent = OTHER[chosen];
    button.lang = chosen === "en" ? "zh" : "en";
    nameTheme();
  };
  // Shows the switches in the reader's language; `changed` is called whenever one of them was used.
  const start = (changed = () => {}) => {
    root.classList.add("scripted");
    setLanguage(navigator.language.startsWith("zh") ? "zh" : "en");
    find("#language").addEventListener("click", () => { setLanguage(language() === "en" ? "zh" : "en"); changed(); });
    find("#theme").addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; nameTheme(); changed(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { nameTheme(); changed(); });
    find("#language").hidden = find("#theme").hidden = false;
  };
  return { language, say, start };
})();
