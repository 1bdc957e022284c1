// Package mattermosttest is a server that speaks Mattermost's REST API (v4) over loopback, as far as chat-ops need it: posts
// with threads, patches and deletions, accounts, direct channels, the client's configuration, and interactive messages with
// their dialogs, and a slash command.
//
// It behaves as Mattermost's documentation and its server's source say: it wants the bot's token, refuses what breaks a limit
// of messages, attachments and dialogs, keeps the context of buttons from clients, says of a post that is not there that it
// may not be changed, reports a press with a trigger id that it has signed, opens a dialog for whom such an id names, within
// some seconds, and shows only whoever pressed what the answer says. It can be told to limit rates, to lose requests and
// replies, to change its key, and to report what nobody pressed.
package mattermosttest
