// Package mattermost is a chatops.Room in Mattermost.
//
// Messages go out over its REST API (v4) with a bot's token. What is pressed comes in as a request of the server's to
// Pressed, which the HTTP server of every replica serves: any of them judges any press, since a button carries all that is
// needed. The server does not sign such a request as a whole, but two parts of it can be proved, and both must be:
//
//   - The button's context carries a MAC made with our own secret over the channel, the act, the value and what is asked
//     before it counts. Only the server and we know the context, since it is kept from clients. So nobody makes up a button.
//   - The trigger id carries who pressed, when, and an id of its own, signed by the server's key, whose public half it tells.
//     So nobody lends a press to another account, and a press that is delivered again, or late, is known as such.
//
// A slash command comes as a form to the same place. Its token, known to the server and us, is proved in the place of a context.
//
// A button that asks before it counts, and a form, are dialogs of the server's. What a dialog was opened for goes with it and
// comes back with what was filled in, under a MAC again, and counts from the moment of the press.
//
// Texts are shown as code, in which Mattermost reads neither markup nor mentions nor links. Only the accounts that a card
// calls are mentioned.
//
// An answer to a press goes back in the server's own reply, so that only who pressed sees it; what comes of a dialog goes to
// them as a direct message. Mattermost does not tell a bot whether an address was confirmed: its own setting to require that
// keeps those who have not from signing in.
package mattermost
