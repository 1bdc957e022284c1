package app

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/duty"
)

// openDuty returns the keeper of who is on call; nil if nothing but the table of people says so.
func (a *App) openDuty(registry prometheus.Registerer) *duty.Keeper {
	names := func() ([]string, error) {
		p, err := a.peopleFile.Read()
		return p.Names(), err
	}
	var sources []duty.Source
	for n, o := range a.cfg.OnCall {
		switch {
		case o.Rota != "":
			sources = append(sources, duty.RotaFile(fmt.Sprintf("rota %d", n+1), o.Rota, names))
		case o.Calendar != "":
			sources = append(sources, duty.CalendarFile(fmt.Sprintf("calendar %d", n+1), o.Calendar, names))
		default:
			sources = append(sources, duty.CalendarURL(fmt.Sprintf("calendar %d", n+1), o.URL, names))
		}
	}
	if len(sources) == 0 {
		return nil
	}
	return duty.NewKeeper(sources, time.Now, a.log.Named("on call"), registry)
}

// onCall is who is on call now, and why others may be.
func (a *App) onCall() (names []string, doubt string) {
	return a.duty.OnCall(time.Now()), a.duty.Trouble()
}
