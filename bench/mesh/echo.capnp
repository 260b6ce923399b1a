@0xd3b1c0f35a7e8421;

interface Echo {
  echo @0 (data :Data) -> (data :Data);
}
