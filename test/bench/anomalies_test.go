package bench

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// anomaly is what telemetry says of one end of a link. The id makes it one of its kind.
func anomaly(id string, at network.End, observed time.Time) events.Event {
	observed = observed.UTC()
	return events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: id, Source: "/telemetry/gnmic/" + at.Device, Time: observed,
		DataContentType: events.ContentTypeJSON, Subject: at.Device + "/" + at.Interface,
		Data: events.Anomaly{
			Kind: events.LinkErrors, State: events.Firing, Severity: events.Major,
			Resource:   events.Resource{Device: at.Device, Interface: at.Interface},
			ObservedAt: observed, Value: 3.2e-4, Unit: "ratio", Threshold: 1e-4, Window: "30s",
			Evidence: map[string]float64{"errors": 9600, "packets": 3e7}, Labels: map[string]string{"site": at.Device},
		},
	}
}

// eventID is the id of the n-th event of a series, as long as a UUID.
func eventID(series string, n int) string {
	return fmt.Sprintf("%.8s-0000-7000-8000-%012x", series+"00000000", n)
}
