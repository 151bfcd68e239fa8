"""Read several meters at the same time and add up their power: python examples/async_two_meters.py URL URL..."""

import asyncio
import sys

import juntek


async def follow(url: str, watts: dict[str, float]) -> None:
    """Keep the last power of one meter, and print the sum whenever it changes."""
    async with juntek.open_meter(url) as meter:
        async for reading in meter:
            watts[url] = reading.power
            print(f"{reading.power:10.1f} W  {url}   all {len(watts)}: {sum(watts.values()):.1f} W", flush=True)


async def main(urls: list[str]) -> None:
    """Follow all meters until Ctrl-C."""
    watts: dict[str, float] = {}
    await asyncio.gather(*(follow(url, watts) for url in urls))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("Give the links of two meters: python examples/async_two_meters.py /dev/ttyUSB0 /dev/ttyUSB1")
    try:
        asyncio.run(main(sys.argv[1:]))
    except juntek.JuntekError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass
