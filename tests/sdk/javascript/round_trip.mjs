// The life of two secrets, led with AWS's JavaScript SDK as npm installs it.
//
// The SDK is told nothing here: endpoint, region and credentials come from the environment.
// Standard input is one JSON object with the values to keep; standard output is one with every
// answer as the SDK read it, dates as it prints them and bytes in Base64.

import { json } from "node:stream/consumers";

import * as sdk from "@aws-sdk/client-secrets-manager";

const { first, second, bytes } = await json(process.stdin);
const client = new sdk.SecretsManagerClient();
const answers = {};

// The first secret: made, read, given a second value.

answers.created = await client.send(
  new sdk.CreateSecretCommand({
    Name: "app/string",
    Description: "Made by JavaScript",
    SecretString: first,
    Tags: [{ Key: "team", Value: "payments" }],
  }),
);
const { ARN, VersionId: firstVersion } = answers.created;

answers.read = await client.send(new sdk.GetSecretValueCommand({ SecretId: ARN }));
answers.put = await client.send(
  new sdk.PutSecretValueCommand({ SecretId: ARN, SecretString: second }),
);
answers.readCurrent = await client.send(new sdk.GetSecretValueCommand({ SecretId: "app/string" }));
answers.readPrevious = await client.send(
  new sdk.GetSecretValueCommand({ SecretId: ARN, VersionStage: "AWSPREVIOUS" }),
);
answers.readVersion = await client.send(
  new sdk.GetSecretValueCommand({ SecretId: ARN, VersionId: firstVersion }),
);

// The other one: bytes.

answers.createdBinary = await client.send(
  new sdk.CreateSecretCommand({
    Name: "app/binary",
    SecretBinary: Buffer.from(bytes, "base64"),
  }),
);
answers.readBinary = await client.send(new sdk.GetSecretValueCommand({ SecretId: "app/binary" }));

// Tags, and what the catalogue says.

answers.tagged = await client.send(
  new sdk.TagResourceCommand({ SecretId: ARN, Tags: [{ Key: "stage", Value: "test" }] }),
);
answers.untagged = await client.send(
  new sdk.UntagResourceCommand({ SecretId: ARN, TagKeys: ["team"] }),
);
answers.described = await client.send(new sdk.DescribeSecretCommand({ SecretId: ARN }));
answers.versions = await client.send(new sdk.ListSecretVersionIdsCommand({ SecretId: ARN }));
answers.pages = [];
for await (const page of sdk.paginateListSecrets({ client, pageSize: 1 }, {})) {
  answers.pages.push(page);
}

// Back to the first value.

answers.moved = await client.send(
  new sdk.UpdateSecretVersionStageCommand({
    SecretId: ARN,
    VersionStage: "AWSCURRENT",
    MoveToVersionId: firstVersion,
    RemoveFromVersionId: answers.put.VersionId,
  }),
);
answers.readMoved = await client.send(new sdk.GetSecretValueCommand({ SecretId: ARN }));

answers.password = await client.send(
  new sdk.GetRandomPasswordCommand({ PasswordLength: 40, ExcludePunctuation: true }),
);

// Its end, and what is refused.

answers.deleted = await client.send(
  new sdk.DeleteSecretCommand({ SecretId: ARN, RecoveryWindowInDays: 7 }),
);
answers.describedDeleted = await client.send(new sdk.DescribeSecretCommand({ SecretId: ARN }));

const stranger = new sdk.SecretsManagerClient({
  credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not a key" },
});
answers.refusals = {
  missing: await refusalOf(client, new sdk.GetSecretValueCommand({ SecretId: "nothing" })),
  existing: await refusalOf(
    client,
    new sdk.CreateSecretCommand({ Name: "app/binary", SecretString: first }),
  ),
  deleted: await refusalOf(client, new sdk.GetSecretValueCommand({ SecretId: ARN })),
  unreasonable: await refusalOf(
    client,
    new sdk.DeleteSecretCommand({ SecretId: "app/binary", RecoveryWindowInDays: 1 }),
  ),
  stranger: await refusalOf(stranger, new sdk.GetSecretValueCommand({ SecretId: "app/binary" })),
};

process.stdout.write(JSON.stringify(answers, withBytesInBase64));

/** How the SDK reports an error; it's a failure of this program when there is none. */
async function refusalOf(caller, command) {
  try {
    await caller.send(command);
  } catch (error) {
    return {
      name: error.name,
      isOfItsClass: sdk[error.name] !== undefined && error instanceof sdk[error.name],
      isOfTheService: error instanceof sdk.SecretsManagerServiceException,
      message: error.message,
      fault: error.$fault,
      $metadata: error.$metadata,
    };
  }
  throw new Error(`${command.constructor.name} was not refused`);
}

function withBytesInBase64(key, value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}
