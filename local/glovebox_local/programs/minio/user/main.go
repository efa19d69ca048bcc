// Makes a user of a MinIO with a policy of its own. MinIO lets its root user
// assume no role, so that sessions need another one.
//
//	minio-user HOST:PORT USER POLICY-FILE
//
// The passwords of root and of the user are in MINIO_ROOT_PASSWORD and
// MINIO_USER_PASSWORD, the name of root in MINIO_ROOT_USER.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, user, file string) error {
	root := credentials.NewStaticV4(
		os.Getenv("MINIO_ROOT_USER"), os.Getenv("MINIO_ROOT_PASSWORD"), "")
	client, err := madmin.NewWithOptions(address, &madmin.Options{Creds: root})
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := client.AddUser(ctx, user, os.Getenv("MINIO_USER_PASSWORD")); err != nil {
		return err
	}
	if err := client.AddCannedPolicy(ctx, user, policy); err != nil {
		return err
	}
	_, err = client.AttachPolicy(ctx, madmin.PolicyAssociationReq{
		Policies: []string{user}, User: user,
	})
	return err
}
