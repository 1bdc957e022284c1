// Package bench measures what Detour promises about speed, against floors taken in the same run.
//
// Nothing stands here but benchmarks. One command runs them all and closes with a table:
//
//	go test -run '^$' -bench . ./test/bench
//
// A machine's absolute figures say little and move with what else it does, so each figure has a floor: the least that
// must happen anyway, done by the same libraries, over the same kind of connection, to the same servers with the same
// sync policy. Service and floor take turns in small blocks, so that whatever disturbs one disturbs the other, and the
// ratio is what counts. Nothing fails because it was slow; a benchmark fails only when what it measures did not happen.
//
// The service is the real one, wired by internal/app from a configuration on disk: an embedded NATS server that syncs
// every write, the simulated backbone of eleven routers over TLS, telemetry, the full ledger. On a cluster there are three servers
// in processes of their own on one disk, and every stream is on all of them. Under -short every
// benchmark is so small that it shows no more than that it works.
package bench
