// Sets the theme before the first paint: the chosen one, else that of the system.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem("juntek.theme");
  } catch (error) {
    // No storage: the system decides.
  }
  var isDark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
})();
