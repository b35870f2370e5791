// Starts the scripts of /docs: theme button and header links.

import { startBarLinks } from "./bar_links.js";
import { startThemeButton } from "./theme_button.js";

startThemeButton();
startBarLinks();
