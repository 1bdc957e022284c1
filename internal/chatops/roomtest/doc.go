// Package roomtest is the contract of a chat: what a chatops.Room and its Members must do, whichever program is behind them,
// and what a Desk does in any of them. A chat's tests run it over their own server.
package roomtest
