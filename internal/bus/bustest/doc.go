// Package bustest is NATS as tests need it: servers in processes of their own, one or a cluster, which can be ended as
// nobody ends a server that shares the test's process: with SIGKILL, in the middle of whatever they do, or stopped.
//
// A child is the test's own binary once more, which serves instead of testing: whoever starts servers calls Serve first.
// Every server has JetStream on disk and syncs every write, as Detour demands it, unless its place says otherwise. Those of a cluster do not tell clients of
// each other, so that a client reaches them only in the ways that it was given, which may lead through something that can
// be cut.
package bustest
