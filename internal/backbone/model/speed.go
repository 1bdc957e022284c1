package model

import (
	"fmt"

	"github.com/detour-net/detour/internal/device/oc"
)

// EthernetSpeed is what the model calls an Ethernet speed in bits per second (openconfig-if-ethernet, ETHERNET_SPEED),
// none where it has no name for it.
func EthernetSpeed(bps int64) Value {
	name := fmt.Sprintf("SPEED_%dMB", bps/1e6)
	if bps%1e9 == 0 {
		name = fmt.Sprintf("SPEED_%dGB", bps/1e9)
	}
	if bps%1e6 != 0 {
		return Value{}
	}
	var speed oc.E_OpenconfigIfEthernet_ETHERNET_SPEED
	for _, known := range speed.ΛMap()["E_OpenconfigIfEthernet_ETHERNET_SPEED"] {
		if known.Name == name {
			return String(known.DefiningModule + ":" + name)
		}
	}
	return Value{}
}
