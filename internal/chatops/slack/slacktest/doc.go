// Package slacktest is a server that speaks Slack's protocol over loopback, as far as chat-ops need it: the Web API methods
// auth.test, chat.postMessage, chat.update, chat.postEphemeral, conversations.history, conversations.replies, users.info,
// views.open and apps.connections.open, Socket Mode with its one-use tickets, hello, pings, at most ten connections,
// refreshes, and a while for an acknowledgement, and signed HTTP requests in the place of Socket Mode. Either way it tells of
// buttons, forms, slash commands with an address at which each is answered, and mentions of the bot.
//
// It behaves as Slack's documentation says: it refuses what breaks a limit of blocks and texts, knows both kinds of token,
// gives metadata only when asked for, opens one view for each press, sends a press to one connection of those that are open,
// and shows whoever pressed whether it was acknowledged. It can be told to limit rates, to lose requests and replies, and to
// forge presses and views.
package slacktest
