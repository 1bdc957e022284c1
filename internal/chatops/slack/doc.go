// Package slack is a chatops.Room in Slack.
//
// It keeps one Socket Mode connection, so that nothing has to reach this machine from outside: presses come in over it, each
// acknowledged within Slack's three seconds whatever becomes of it. The connection is made anew whenever it ends, for as long
// as it takes; meanwhile only presses are missing, since messages go out over the Web API. detour_chat_connected and State
// say how it is.
//
// Texts are shown as plain text, escaped as Slack wants it: what looks like markup, a mention or a link in a name is only
// letters. Only the accounts that a card calls are mentioned.
//
// The app needs the scopes chat:write, users:read, users:read.email, and channels:history (or groups:history for a private
// channel) for its bot token, connections:write for its app token, and interactivity in Socket Mode.
package slack
