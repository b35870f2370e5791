// Puts the chosen theme on the page before it is drawn, so that nothing flashes.
// Knows nothing about colours or buttons; a page that was never asked follows the system.
try {
  const theme = localStorage.getItem("westlake:theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be forbidden; the system's theme is a good one.
}
