// Package deployed tests what operators are given in deployments: the files themselves, brought up as they are, and attacked.
//
// The bus is three NATS servers in processes of their own with the configuration of deployments/nats, and an authority that
// signs who is who. Each identity does what it may, and everything that the others may; what streams there are and what they
// hold is compared before and after, so that a way round a permission is found as well as a permission that is too wide.
package deployed
