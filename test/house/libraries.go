package house

import (
	"fmt"
	"strings"
)

// A keeping says which packages answer for a library. Tests are free to use any.
type keeping struct {
	library string
	by      []string
	reason  string
}

// keepings: the longest row that fits counts.
func keepings() []keeping {
	routers := []string{"internal/device", "internal/backbone"}
	return []keeping{
		{"google.golang.org/grpc", routers, "only the gNMI boundary and the simulated routers speak gRPC"},
		{"google.golang.org/grpc/codes", routers, "an outcome is classified once, at the gNMI boundary, into applied, refused or unknown; above it nobody sees a status code"},
		{"google.golang.org/grpc/status", routers, "an outcome is classified once, at the gNMI boundary, into applied, refused or unknown; above it nobody sees a status code"},
		{"github.com/openconfig", routers, "paths, models and gNMI messages end at the boundary; above it stand the vocabulary's leaves and values"},
		{"github.com/nats-io/nats-server", []string{"internal/bus"}, "there is one way to start a server, and it is the one that syncs every write"},
		{"github.com/nats-io/nats.go", []string{"internal/bus", "internal/ledger", "internal/intake", "internal/app", "internal/demo", "cmd"}, "streams belong to the packages that speak through them, and to those that hand the connection over"},
		{"golang.org/x/mod", []string{"internal/ledger"}, "trees and signed notes are what checkpoints are made of"},
		{"github.com/jackc", []string{"internal/ledger/deposit/postgres"}, "what a database is told ends in one deposit of the ledger"},
		{"github.com/goccy/go-yaml", []string{"internal/config/strict"}, "YAML is read in one way: strictly, with line and column"},
		{"github.com/slack-go", []string{"internal/chatops/slack"}, "Slack's protocol ends in its room; above it stand cards and presses"},
		{"github.com/emersion/go-ical", []string{"internal/duty"}, "calendars end in the shifts that stand in them"},
		{"github.com/teambition/rrule-go", []string{"internal/duty"}, "calendars end in the shifts that stand in them"},
		{"github.com/coreos/go-oidc", []string{"internal/web/login"}, "the provider's protocol ends where people come in; above it stand names and roles"},
		{"golang.org/x/oauth2", []string{"internal/web/login"}, "the provider's protocol ends where people come in; above it stand names and roles"},
		{"github.com/oauth2-proxy/mockoidc", []string{"internal/web/login/logintest"}, "a provider of our own making is for tests alone"},
		{"github.com/golang-jwt/jwt", []string{"internal/web/login/logintest"}, "tokens are made by the provider of the tests alone"},
		{"github.com/chromedp", nil, "a browser is for tests alone"},
		{"github.com/gorilla/websocket", []string{"internal/chatops/slack"}, "the one websocket is the chat's"},
		{"cel.dev/cel-go", []string{"policy"}, "operators' conditions are compiled when a policy is read, and asked where it is asked"},
		{"github.com/spf13", []string{"cmd"}, "flags end in main"},
		{"go.opentelemetry.io/otel", []string{"internal/worker", "internal/device", "internal/tracing", "internal/app"}, "spans are told by who does things, and where they go by one exporter"},
		{"net/http/pprof", []string{"internal/app"}, "profiles are served in one place, for this machine alone"},
		{"os/signal", []string{"cmd"}, "main alone hears signals; everyone else has a context"},
		{"math/rand", nil, "chance is an argument: whoever needs jitter or an id is handed it"},
		{"unsafe", nil, "nothing here is worth it"},
	}
}

func libraries(t *Tree) []Finding {
	var found []Finding
	t.source(false, func(p *Package, f *File) {
		for _, spec := range f.Imports {
			library := unquote(spec.Path.Value)
			row, ok := keepingOf(library)
			if !ok || anyUnder(p.Path, row.by) {
				continue
			}
			by := "nobody"
			if len(row.by) > 0 {
				by = strings.Join(row.by, ", ") + " alone"
			}
			found = append(found, Finding{p.at(spec), fmt.Sprintf("%s is for %s: %s", library, by, row.reason)})
		}
	})
	return found
}

func keepingOf(library string) (best keeping, ok bool) {
	for _, row := range keepings() {
		if under(library, row.library) && len(row.library) > len(best.library) {
			best = row
		}
	}
	return best, best.library != ""
}
