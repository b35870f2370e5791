// Starts the API page's one switch.
// Knows nothing about routes: the page is complete without scripts.
import { startThemeButton } from "./theme_button.js";

startThemeButton();
