// Package slack is a chatops.Room in Slack.
//
// There are two ways in for what is pressed. With an app token it keeps one Socket Mode connection, so that nothing has to
// reach this machine from outside; the connection is made anew whenever it ends, for as long as it takes, and meanwhile only
// presses are missing, since messages go out over the Web API. With a signing secret it takes HTTP requests that Slack has
// signed (Callback). Either way a press is acknowledged within Slack's three seconds whatever becomes of it. Slash commands, and
// mentions of the bot, come the same ways; a command is answered at the address that comes with it.
// detour_chat_connected and State say how it is.
//
// A signature keeps out who is not Slack, and its time what is older than five minutes; within those it can be replayed. That
// a replay does nothing is not this package's doing: presses are known again by their ID as long as the desk remembers it,
// and at every replica, for good, by the ledger, on which the same press is lawful only once.
//
// Texts are shown as plain text, escaped as Slack wants it: what looks like markup, a mention or a link in a name is only
// letters. Only the accounts that a card calls are mentioned.
//
// The app needs the scopes chat:write, users:read, users:read.email, and channels:history (or groups:history for a private
// channel) for its bot token, and interactivity: in Socket Mode with connections:write for its app token, or with a request
// URL that leads to Callback.
package slack
