// Starts the page: each tab, and what stands around them.
// Knows nothing about what happens inside any of them.

import { startApiKey } from "./api_key.js";
import { startAutosize } from "./autosize.js";
import { startBarLinks } from "./bar_links.js";
import { startChat } from "./chat.js";
import { startCodeDialog } from "./code_dialog.js";
import { startCompletion } from "./completion.js";
import { openFromHash, startDialogs } from "./dialogs.js";
import { startEmbeddings } from "./embeddings.js";
import { startFileDrop } from "./file_drop.js";
import { startFocusKeeper } from "./focus_keeper.js";
import { startModelCard } from "./model_card.js";
import { startModels } from "./models.js";
import { startNotices } from "./notices.js";
import { startParameters } from "./parameters.js";
import { startReadiness } from "./readiness.js";
import { startRepetitionNotices } from "./repetition_notice.js";
import { startSkipLink } from "./skip_link.js";
import { startThemeButton } from "./theme_button.js";

startFocusKeeper();
startSkipLink();
startDialogs();
startAutosize();
startFileDrop();
startThemeButton();
startBarLinks();
startApiKey();
startNotices();
startCodeDialog();
startParameters("chat");
startParameters("completion");
startChat();
startCompletion();
startEmbeddings();
startModels();
startModelCard();
startRepetitionNotices();
startReadiness();
openFromHash();
document.documentElement.dataset.started = "";
