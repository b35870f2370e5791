// Applies the saved theme before the first paint, so that nothing flashes. Without one the page
// follows the system.
try {
  const theme = localStorage.getItem("westlake:theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be blocked; then the system's theme is used.
}
