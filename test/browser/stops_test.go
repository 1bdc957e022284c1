package browser_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/webtest"
)

// Two windows in one scope have a banner each, however often the page is refreshed.
func TestWindowsOfOneScope(t *testing.T) {
	r := serve(t)
	second := events.MaintenanceBegun{Window: "mw-0002", Scope: "device:chi", Until: webtest.Start.Add(3 * time.Hour), By: events.Person{Name: "olga"}, Reason: "new power supply"}
	if _, err := r.Append(webtest.Start.Add(time.Minute), events.Record{Body: second}); err != nil {
		t.Fatal(err)
	}
	p := open(t, r, "/drains", phoneWidth, phoneHeight)
	p.fresh()
	p.says("#banners", "line card swap", "new power supply")
	for range 3 {
		stir(t, r)
		p.wait("the page to be refreshed", fmt.Sprintf(`document.querySelector("#mode").title.includes("ledger position %d,")`, r.Status().Position))
		if n := is[int](p, `[...document.querySelectorAll("#banners .banner")].filter((b) => b.innerText.includes("Maintenance")).length`); n != 2 {
			t.Fatalf("%d banners for two windows", n)
		}
	}
	p.clean()
}
