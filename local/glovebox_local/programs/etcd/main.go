// etcd in a module of its own: in the module of Kubernetes it would move the
// versions of Kubernetes' own dependencies.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
