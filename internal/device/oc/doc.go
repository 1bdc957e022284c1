// Package oc is the part of the OpenConfig models that Detour reads and writes, as Go structs with their schema: interfaces
// with their counters, network instances with IS-IS, and what a system says about itself. It validates what is sent to a
// router, decodes what comes back, and is the model behind the simulated routers.
//
// Every file but this one is generated with ygot, with compressed paths: one field stands for the leaf below config and, as
// its shadow, for the leaf of the same name below state. Decode configuration as it comes, and telemetry with
// ytypes.PreferShadowPath. Schema unpacks the whole schema anew at each call; call it once and keep what it returns.
//
// detour-prune.yang, beside this file, leaves out what nobody here uses; to use more, take lines out of it and generate
// again. The input is github.com/openconfig/public at commit 94f5896 (after release v5.9.0), licensed under Apache-2.0,
// and so is what is derived from it here. The models themselves are not part of this repository.
package oc

//go:generate sh generate.sh
