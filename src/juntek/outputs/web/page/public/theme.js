// Sets the chosen theme before the first paint; else the system decides.
try {
  document.documentElement.dataset.theme = localStorage.getItem("juntek.theme") || "";
} catch (error) {
  // No storage: nothing was chosen.
}
