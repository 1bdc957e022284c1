package ledgertest_test

import (
	"os"
	"testing"

	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/ledgertest"
	"github.com/detour-net/detour/internal/ledger/mem"
)

func TestMain(m *testing.M) {
	if !ledgertest.Serve() {
		os.Exit(m.Run())
	}
}

func TestMemory(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Harness {
		store := mem.New()
		faults := map[ledgertest.Fault]mem.Fault{
			ledgertest.Down: mem.Fails, ledgertest.Vanishes: mem.DoubtNot, ledgertest.StoredDark: mem.FailsStored, ledgertest.AckLost: mem.AckLost,
		}
		return ledgertest.Harness{
			Open: func(*testing.T) ledgertest.Ledger { return store.Replica("test") },
			Faulty: func(_ *testing.T, f ledgertest.Fault) ledgertest.Ledger {
				r := store.Replica("test")
				r.Inject(faults[f])
				return r
			},
			Forge: func(_ *testing.T, e ledger.Entry) { store.Forge(e) },
		}
	})
}

func TestOneServer(t *testing.T) {
	t.Parallel()
	one := func(t *testing.T) ledgertest.Harness { return ledgertest.OnServers(t, 1) }
	ledgertest.Run(t, one)
	ledgertest.RunRestart(t, one)
	ledgertest.RunKill(t, 8, func(t *testing.T) ledgertest.Harness { return ledgertest.OnProcesses(t, 1) })
}

func TestThreeServers(t *testing.T) {
	t.Parallel()
	three := func(t *testing.T) ledgertest.Harness { return ledgertest.OnServers(t, 3) }
	ledgertest.Run(t, three)
	ledgertest.RunRestart(t, three)
	ledgertest.RunFailover(t, three)
	ledgertest.RunKill(t, 2, func(t *testing.T) ledgertest.Harness { return ledgertest.OnProcesses(t, 3) })
}

var (
	_ ledgertest.Ledger = (*ledger.Ledger)(nil)
	_ ledgertest.Ledger = (*mem.Replica)(nil)
)
