// Starts the API page's switch and its ways back.
// Knows nothing about routes: the page is complete without scripts.
import { startThemeButton } from "./theme_button.js";
import { startWayBack } from "./way_back.js";

startThemeButton();
startWayBack();
