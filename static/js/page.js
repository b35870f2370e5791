// Starts the page: each room, and what stands around them.
// Knows nothing about what happens inside any of them.
import { startBoxHeight } from "./box_height.js";
import { startChat } from "./chat.js";
import { startCode } from "./code.js";
import { startCompletion } from "./completion.js";
import { startDialogs } from "./dialogs.js";
import { startDrop } from "./drop.js";
import { startEmbeddings } from "./embeddings.js";
import { startFocusKeeper } from "./focus_keeper.js";
import { startKey } from "./key.js";
import { startModelCard } from "./model_card.js";
import { startModels } from "./models.js";
import { startNotices } from "./notices.js";
import { startParameters } from "./parameters.js";
import { startReadiness } from "./readiness.js";
import { startSkip } from "./skip.js";
import { startThemeButton } from "./theme_button.js";
import { startWayBack } from "./way_back.js";

startFocusKeeper();
startSkip();
startDialogs();
startBoxHeight();
startDrop();
startThemeButton();
startWayBack();
startKey();
startNotices();
startCode();
startParameters("chat");
startParameters("completion");
startChat();
startCompletion();
startEmbeddings();
startModels();
startModelCard();
startReadiness();
document.documentElement.dataset.started = "";
