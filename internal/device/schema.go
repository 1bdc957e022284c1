package device

import (
	"fmt"
	"sync"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ytypes"

	"github.com/detour-net/detour/internal/device/oc"
)

// loadSchema unpacks the OpenConfig schema when it is first needed and keeps it: it is a constant that costs time and
// memory to build.
var loadSchema = sync.OnceValues(oc.Schema)

// validate checks one leaf against the OpenConfig schema: that path exists and, unless value is nil (a delete), that
// value is of its type and range.
func validate(path *gnmi.Path, value *gnmi.TypedValue) error {
	loaded, err := loadSchema()
	if err != nil {
		return fmt.Errorf("load the OpenConfig schema: %w", err)
	}
	root := &oc.Device{}
	if value == nil {
		if _, _, err := ytypes.GetOrCreateNode(loaded.RootSchema(), root, path); err != nil {
			return fmt.Errorf("path does not fit the OpenConfig schema: %w", err)
		}
		return nil
	}
	if err := ytypes.SetNode(loaded.RootSchema(), root, path, value, &ytypes.InitMissingElements{}); err != nil {
		return fmt.Errorf("value does not fit the OpenConfig schema: %w", err)
	}
	return nil
}
