// Starts the API page's switch and its ways back.
// Knows nothing about routes: the page is complete without scripts.

import { startBarLinks } from "./bar_links.js";
import { startThemeButton } from "./theme_button.js";

startThemeButton();
startBarLinks();
