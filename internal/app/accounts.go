package app

import (
	"context"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/discover"
)

// Accounts asks every router of a topology, which may be without links, for what it tells of itself. inventory is the file
// that the routers are from: names of files in it are relative to its folder. An error means that the inventory is not in
// order; a router that does not answer is silent in its account.
func Accounts(ctx context.Context, t *network.Topology, inventory string, log *zap.Logger) ([]discover.Account, error) {
	fleet, err := device.NewFleet(t, device.Options{Logger: log, Dir: filepath.Dir(inventory)})
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	return fleet.Accounts(ctx), nil
}
