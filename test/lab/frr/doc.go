// Package frr speaks with the daemons of FRRouting over their vty sockets, the way vtysh does, but without a process for
// each question: a question costs some 0.1 ms this way.
//
// A daemon answers in text made for people. What is asked of isisd, and how its answers read in FRR 8.4, stands here and
// nowhere else; where JSON is wrong in that version (a link-state database of one LSP, metrics of another level) the text
// is read instead.
//
// A change of isisd's configuration is one transaction: it must run with --tcli, which gives each session a candidate
// that is committed as a whole or not at all, and that vanishes with the session.
package frr
